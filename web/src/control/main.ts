import '../shared/theme.css';
import './element.css';
import './control.css';
import { createApp } from 'vue';
import { pageI18n } from '../shared/i18n';
import App from './App.vue';
import { messages } from './messages';
import { router } from './router';

createApp(App).use(pageI18n(messages)).use(router).mount('#app');
