import '../shared/theme.css';
import './attendee.css';
import { createApp } from 'vue';
import { pageI18n } from '../shared/i18n';
import App from './App.vue';
import { messages } from './messages';

createApp(App).use(pageI18n(messages)).mount('#app');
